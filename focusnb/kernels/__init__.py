"""Arrays in, arrays out: the physics of the microscope, and nothing that knows files or projects."""
