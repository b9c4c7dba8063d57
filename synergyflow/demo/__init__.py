"""The demonstration: a flow over the flights that left New York in 2013, its report, and the story told around it.

Nothing outside of this room and the command `engine demo` may import from here. It shows how a user works with
synergyflow, so it keeps to the public interface; only the story, which prints a plan, reads the values of `core`,
and shows states and commands by the signs and the name that the whole program has for them.
"""
