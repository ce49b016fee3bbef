"""The tests of ttsdash."""
