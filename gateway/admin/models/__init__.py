"""What the admin API takes and gives, the source of validation and of the OpenAPI document: one module per topic."""
