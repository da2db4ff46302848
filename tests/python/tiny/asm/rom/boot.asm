; Code, data and a table of two pieces; one routine that nobody uses.
%include "romgen.inc"
extern tbl_words, tbl_words_end, tbl_empty, tbl_empty_end, error_rows
extern undi_image, ev_block, bss_size
global boot:function, counter:data, unused_routine:function

CODE boot
boot:
        mov     si, tbl_words
        mov     cx, tbl_words_end
        mov     di, tbl_empty
        sub     di, tbl_empty_end
        mov     bx, [error_rows]
        mov     ax, [undi_image]
        mov     dx, [ev_block + ev_block.crc]
        inc     word [counter]
        mov     di, [stubs]
        call    prepare
        retf

CODE unused
unused_routine:
        times 100 nop
        ret

INITCODE prepare
prepare:
        mov     cx, bss_size
        ret

TABLE words, 20
        dw      0x2222
TABLE words, 10
        dw      0x1111

BSS counter
counter resw 1
BSS stubs
stubs   resb 8
