"""The judge: runs a hidden suite with pytest and Hypothesis, owns the worlds, and decides.

It never imports, unpickles or evaluates anything of a submission. What a suite needs of it is in `burnin.suite`. Nothing is imported
here, so that whoever starts a judge process does not pay for what only that process needs.
"""
