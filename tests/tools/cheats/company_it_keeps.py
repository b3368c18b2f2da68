"""Be handed in from a folder full of configuration and modules that would run in the grader if it looked there."""

BESIDE = {
    "conftest.py": "open('/tmp/burnin-cheat-beside', 'w').close()\nimport os\nos._exit(0)\n",
    "sitecustomize.py": "open('/tmp/burnin-cheat-beside', 'w').close()\n",
    "usercustomize.py": "open('/tmp/burnin-cheat-beside', 'w').close()\n",
    "cheat.pth": "import os; os._exit(0)\n",
    "msgspec.py": "open('/tmp/burnin-cheat-beside', 'w').close()\nimport os\nos._exit(0)\n",
    "anyio.py": "open('/tmp/burnin-cheat-beside', 'w').close()\nimport os\nos._exit(0)\n",
    "pytest.ini": "[pytest]\naddopts = --collect-only\n",
    "pyproject.toml": "[tool.mypy]\nignore_errors = true\n[tool.pytest.ini_options]\naddopts = '--collect-only'\n",
    "mypy.ini": "[mypy]\nplugins = ./mypy_plugin.py\nignore_errors = True\n",
    "mypy_plugin.py": "open('/tmp/burnin-cheat-beside', 'w').close()\n",
    "warm_pool.pyi": "def trick(pool: object, asked: object) -> None: ...\n",
}


def trick(pool, asked):
    return None


class WarmPool:
    def __init__(self, host, budget):
        self.host = host

    def get(self, model):
        return trick(self, model)

    acquire = get


class AsyncWarmPool:
    def __init__(self, host, budget, *, pinned=(), idle_ttl=None, policy=None):
        self.host = host

    async def __aenter__(self):
        return self

    async def __aexit__(self, kind, error, traceback):
        return None

    async def acquire(self, model):
        return trick(self, model)


class KeepWarmPolicy:
    def requested(self, model, now):
        trick(self, model)

    def victims(self, candidates, needed, now):
        return trick(self, needed)
