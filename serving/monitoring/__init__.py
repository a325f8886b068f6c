"""What the service says about itself: health, warm-up, performance, memory, track record."""
