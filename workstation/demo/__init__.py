"""Generated anatomy, a scanner that blurs and adds noise, studies with known answers."""
