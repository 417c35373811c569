"""The command `focusnb`."""
