"""How long tests wait for what must come: no test depends on the machine's speed."""

# Seconds that nothing takes unless it hangs, on a machine that is busy with ten other things too.
PATIENT = 900.0
