"""What a trained network predicts under each kind of statistics, and how far its running statistics are from exact."""
