"""What stands between this machine and its mesh: asked, judged, and said with its cure."""
