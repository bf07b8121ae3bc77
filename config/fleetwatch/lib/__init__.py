"""What the programs of fleetwatch share. Workers and auditors share only `contract` and `canonical`."""
