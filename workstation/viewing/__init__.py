"""What is on screen, without Qt or VTK: viewports, links, windows, tools, paint."""
