"""What things are: parameters, values, steps, images, projects. Knows no queue and no exporter."""
