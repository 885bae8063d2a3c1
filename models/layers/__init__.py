"""What every family's layers have in common: activation, batch norm, dropout, dense layers."""
