"""Reports of scanners and inventories of components."""
