; A network boot program: adds up what lies behind it in memory, as it was loaded, and reports.
; More defines than guest.inc has: FILE_SIZE (bytes, a multiple of 4, with the program), FILE_SUM (of the
; dwords behind the program).

%include "guest.inc"

        cli
        xor     ax, ax
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        mov     sp, LOAD_AT
        cld
        jmp     0:main
main:
        mov     di, VARIABLES_AT
        mov     cx, VARIABLES_SIZE / 2
        rep     stosw
        call    report_begin
        mov     ax, program_end
        shr     ax, 4                   ; it ends with a sector
        mov     fs, ax
        xor     si, si
        xor     edx, edx
        mov     ecx, (FILE_SIZE - (program_end - $$)) / 4
.add:
        add     edx, [fs:si]
        add     si, 4
        test    si, 0xF
        jnz     .same
        mov     ax, fs
        inc     ax
        mov     fs, ax
        xor     si, si
.same:
        dec     ecx
        jnz     .add
        mov     si, .name
        cmp     edx, FILE_SUM
        jne     .wrong
        call    report_ok
        jmp     report_done
.wrong:
        call    report_fail
        mov     eax, edx
        call    put_hex32
        call    put_line
        jmp     report_done
.name:  db      "file", 0

%include "report.inc"

        align   SECTOR, db 0
program_end:
