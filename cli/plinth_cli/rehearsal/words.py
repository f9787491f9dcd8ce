"""Words for `random.RandomPet`."""

_ADVERBS = """
badly barely boldly briefly brightly calmly clearly closely deeply early easily fairly firmly fondly freely
gently gladly greatly happily highly kindly lately lightly likely loudly mainly mildly neatly nicely openly
partly plainly promptly purely quickly quietly rarely really safely simply slowly smoothly solidly surely
swiftly terribly truly usually vastly wisely
"""

_ADJECTIVES = """
able amused apt beloved bold brave bright calm capable careful caring clever content crisp curious daring dear
devoted eager early easy fair fast fine fit fleet fond free fresh gentle glad grand happy helpful honest
humble ideal keen kind lasting lively loyal lucky mellow merry mighty modest neat nimble noble patient pleased
polite proud quick quiet rapid ready sharp simple smart smooth steady stirring strong sunny sure swift tender
tidy trusty useful valued vital warm welcome wise witty worthy
"""

_NOUNS = """
albacore alpaca badger bear beaver bee bison bobcat buck camel cardinal caribou cat cheetah cod colt condor
crab crane cricket crow deer dingo dolphin donkey dove dragon duck eagle eel elk falcon ferret finch fox frog
gazelle gecko goat goose gopher grouse gull hare hawk heron horse ibex jaguar kite kiwi koala lark lemur lion
lizard llama lobster lynx macaw magpie marlin marmot marten mink mole moose moth newt ocelot octopus orca
osprey otter owl panda parrot perch pika pony puma quail rabbit raccoon raven robin salmon seal shark sheep
shrew skunk snail sparrow stag starling stork swan swift tapir tiger toad trout turkey turtle vole walrus
weasel whale wolf wombat wren yak zebra
"""

ADVERBS = tuple(_ADVERBS.split())
ADJECTIVES = tuple(_ADJECTIVES.split())
NOUNS = tuple(_NOUNS.split())
