"""Interactive parts for notebooks and dashboards."""
