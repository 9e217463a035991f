"""What is written of a case that has been segmented: everything from the one `ZoneMap`."""
