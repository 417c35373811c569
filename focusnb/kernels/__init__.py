"""Arrays in, arrays out: the physics of focusnb. Nothing here knows files, projects or steps."""
