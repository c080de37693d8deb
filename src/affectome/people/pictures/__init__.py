"""Pictures: the emotion that they evoke in people who look at them."""
