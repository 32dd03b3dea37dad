"""The fourth stage: ranking, reasons, plan and publish."""
