"""The admin: pages, actions and the dashboard."""
