"""The sections of the settings tree, by what they are about; the tree itself is `zonate.config`."""
