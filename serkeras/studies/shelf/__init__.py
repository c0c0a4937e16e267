"""The studies that ship with the kit, one JSON file each."""
