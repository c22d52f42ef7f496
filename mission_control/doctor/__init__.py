"""`doctor`: looks at everything the fleet needs here; of each fault it says what it is, why it matters, how to mend it.

One file per area: what is read stands apart from what is made of it. The words of each finding are in table.py.
"""
