"""Grading: judge processes run the suite, a type checker runs beside them, and a scorecard comes out."""

from burnin.grade.grader import GLANCE, Abandoned, Grader, GraderFailed, Options, grade
from burnin.grade.submission import read_submission
from burnin.grade.types import TypeChecker

__all__ = ["GLANCE", "Abandoned", "Grader", "GraderFailed", "Options", "TypeChecker", "grade", "read_submission"]
