"""Flow files of the demonstration. They are read as files by a context, or imported like any module."""
