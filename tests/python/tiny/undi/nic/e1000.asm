%include "romgen.inc"
global transmit:function, state:data
CODE transmit
transmit:
        ret
BSS state
        resb    3
state   resb    1
