"""Measurements that can be repeated: how fast, and how close to what the machine allows."""
