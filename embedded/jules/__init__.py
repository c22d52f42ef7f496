"""Google Jules on this machine: the same REST, and real pull requests made of patches prepared beforehand."""
