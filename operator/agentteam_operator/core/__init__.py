"""The pure heart: state in, decisions and manifests out. Nothing here does I/O or reads a clock."""
