"""What the command line can do: one file a verb, each one public function of that name."""
