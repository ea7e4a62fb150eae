"""One thin script a stage: read the parameters, call one function of laanet_core, write."""
