"""`python -m burnin` is the `burnin` command."""

import sys

from burnin.commands import main

sys.exit(main())
