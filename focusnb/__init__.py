"""focusnb: from the electron microscope to 3D reconstruction, live."""
