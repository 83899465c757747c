"""The vocabulary that training, service and load test share: what people decide.

Standard library and pydantic alone. What is learnt from data stands in the card; the service checks one against the
other when it starts.
"""
