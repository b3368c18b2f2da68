"""What hidden suites have in common. A suite imports it with `from ..shared`; a change here is one to every suite."""
