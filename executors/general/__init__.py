"""The general family: script, api_call, webhook, custom and notification."""
