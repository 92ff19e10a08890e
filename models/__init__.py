"""Where the weights come from, and weights -> .tflite. Nothing here is needed once the model is made."""
