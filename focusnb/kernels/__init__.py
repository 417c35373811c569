"""Arrays in, arrays out: the physics of the microscope; nothing here knows files or projects."""
