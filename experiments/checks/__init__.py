"""Claims that need no training to be decided: each is computed, exactly or nearly so, by a function of its own.

A check is a public function in a file of this folder that can be called without arguments and returns an `Evidence`;
its name is the function's, and its docstring says which claim of the documents it takes and how it is decided. To add
one, write the function: `registry.checks()` finds it. What a check examines (a norm, a formula, a listing) is an
argument with a default, so that a test can hand in another and see the answer change.

The listings of the documents are not here: what they do, mistakes included, is written anew and small.
"""
