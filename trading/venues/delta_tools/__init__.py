"""An operator's tools at Delta Exchange: pre-flight, quotes, a manual order, what is held, a recorder of chains."""
