"""What more slices, more pixels, more studies and more processes cost, in seconds and in memory."""
