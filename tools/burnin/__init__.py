"""Burnin: interview exercises for AI-infrastructure engineers, with a grader whose score can be believed."""

__all__: list[str] = []
