"""What a killed run goes on from: which run it is, how far each network is, and the folder that holds both."""
