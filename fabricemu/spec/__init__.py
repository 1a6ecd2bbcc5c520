"""What the user wrote, checked: units, fabrics, hosts, presets."""
