"""Forges: where a project's changes are shown and reviewed beside Paddock. Only the control plane speaks to them."""
