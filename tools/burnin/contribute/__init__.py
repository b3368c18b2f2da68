"""What a contributor needs to prove that an exercise is sound."""

from burnin.contribute.mutants import Edit, Mutant, load_mutants, mutated

__all__ = ["Edit", "Mutant", "load_mutants", "mutated"]
